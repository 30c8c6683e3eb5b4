"""Run noisyviz from a checkout: ``python cli.py plot --fn tanh``."""

from noisyviz.cli import main

if __name__ == "__main__":
    main()
