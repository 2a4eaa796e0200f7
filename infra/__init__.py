"""The cloud as code: one stack per lifecycle, built from small constructs, synthesized without account or network."""
