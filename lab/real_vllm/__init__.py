"""The real vLLM on a processor, on demand: it holds the lab's stand-in to what vLLM does.

Both are started as production starts its server, and asked the same; see README.md.
"""
