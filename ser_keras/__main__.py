"""`python -m ser_keras`."""

import sys

from ser_keras.cli.main import main

sys.exit(main())
