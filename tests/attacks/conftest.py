"""The modules beside these tests are a program too (`fuzz.py`), and find one another by their plain names."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
