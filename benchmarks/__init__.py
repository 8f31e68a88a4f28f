"""What the documents' figures are measured with."""

import os

# A GPU would change the figures, and the text says what a CPU takes.
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
# As `python -m courses` has it.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
