"""
The chaos suite: the real commands on real servers of their own, while everything around them breaks.

`python -m tests.chaos --minutes 2 --seed 7 --json` deals blows by a plan that the seed decides, heals
everything, lets the work drain, and then asks whether anything was lost, done twice or left wrong.
Linux only: it reads /proc and adopts the workers that a killed master leaves behind.
"""
