#!/bin/bash
# In NVIDIA's place: theirs prints a banner, looks for a card, and runs what it is given.
echo "== Triton Inference Server 2.51 on the processor, in the place of NVIDIA's image =="
exec "$@"
