"""Run noisyviz as a module: ``python -m noisyviz plot --fn tanh``."""

from noisyviz.cli import main

if __name__ == "__main__":
    main()
