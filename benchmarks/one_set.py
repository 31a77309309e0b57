"""A deploy that brings the sample as this project does: all of it is one operation."""

from jinja2 import Template

from benchmarks import sample
from operations import service
from operations.entries import Directory, File

_template = Template(sample.TEMPLATE.read_text(), keep_trailing_newline=True, **sample.WHITESPACE)

service.deployed(
    name="Have the files",
    service=sample.SERVICE,
    entries=[
        Directory(sample.DIRECTORY, mode=sample.DIRECTORY_MODE),
        *(
            File(sample.path(n), _template.render(number=n).encode(), mode=sample.MODE)
            for n in sample.NUMBERS
        ),
    ],
)
