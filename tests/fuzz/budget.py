"""The amount that a fuzz sends: a small deterministic share, unless the environment (`make fuzz`) asks for more."""

import os

# Requests made from the schema, others that nobody would make from it, and forms of each page and deed of admin
REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "1500"))
PARTS = int(os.environ.get("FUZZ_PARTS", "1"))  # into which they are cut, for workers of pytest
RAW = int(os.environ.get("FUZZ_RAW", str(REQUESTS // 5)))
FORMS = int(os.environ.get("FUZZ_FORMS", "4"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))
