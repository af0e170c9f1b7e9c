"""Take the GPU library that xgboost asks for, and nothing here uses, out of a lock file."""

import re
import sys
from pathlib import Path

path = Path(sys.argv[1])
text = path.read_text(encoding="utf-8")
without = re.sub(r"(?m)^nvidia-nccl-cu\d+==.*(?:\n    .*)*\n", "", text)
path.write_text(without, encoding="utf-8")
