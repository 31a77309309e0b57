"""Stand-in for vLLM 0.33.0's `vllm serve`: its arguments, refusals, paths, answers and metrics.

It computes nothing: what it says are random letters, one token each. Names come from the recordings
in `../vllm`, texts and shapes from the sources of vLLM and the logs of its users; the answers of a
real one (`lab/real_vllm/result.json`) are what `tests/unit/test_vllm_contract.py` holds it to.
"""
