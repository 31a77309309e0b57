"""A deploy that brings the sample as pyinfra has it: an operation of its own for each file."""

from pyinfra.operations import files

from benchmarks import sample

files.directory(name="Have the directory", path=sample.DIRECTORY, mode=sample.DIRECTORY_MODE)
for number in sample.NUMBERS:
    files.template(
        name=f"Have the file {number}",
        src=str(sample.TEMPLATE),
        dest=sample.path(number),
        mode=sample.MODE,
        user="root",
        group="root",
        jinja_env_kwargs=sample.WHITESPACE,
        number=number,
    )
