"""The benchmark: what a request costs in our gateway, beside others, in one run on one machine.

`python -m tests.bench` is the comparison; `streaming`, `scrape`, `kafka`, `spool`, `routes` and
`idle` beside it answer one question each. The rules of measuring: the gateway alone on one core,
load generator and origin on another; CPU from the kernel's accounting; contenders interleaved; only
ratios within a run are worth quoting, with the processor named. Needs Linux, `wrk` and the extra
`bench`.
"""
