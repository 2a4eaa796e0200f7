"""Use cases: they put the domain to work over ports, and know neither AWS nor HTTP."""
