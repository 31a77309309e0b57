#!/bin/sh
# The server of the variant that starts and never becomes healthy, as with a model that never loads.
case " $* " in
*" --version "*)
    echo "version: 0 (never healthy)" >&2
    exit
    ;;
esac
echo "srv    load_model: loading model" >&2
echo "llama_model_load: error loading model: tensor data is not within the file bounds" >&2
exec sleep infinity
