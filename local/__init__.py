"""The cloud on a laptop: deploys the synthesized template to a local AWS and runs a small fleet against it."""
