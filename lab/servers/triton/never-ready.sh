#!/bin/sh
# The server of the variant that starts and never becomes ready, as with a model that never loads.
echo 'I1121 00:00:00.000000 1 model_lifecycle.cc:472] "loading: digits:1"' >&2
exec sleep infinity
