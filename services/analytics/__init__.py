"""The analytics service: reads the CRM over HTTP, computes, publishes; never opens its database."""

import os

# Our products are small: the threads of BLAS would wait for each other by spinning, which doubles
# the time of learning on two cores. It is read when NumPy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
