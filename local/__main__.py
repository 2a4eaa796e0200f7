"""`python -m local`: what `fieldline local` runs."""

from local.cli import app

if __name__ == "__main__":
    app(prog_name="fieldline local")
