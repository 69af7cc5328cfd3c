"""`python -m ser_keras`."""

import sys

from ser_keras.cli import main

sys.exit(main())
