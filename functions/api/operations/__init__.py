"""The operations of `functions.routes`, a class for each room: parameters in, one call of a service, an answer out."""
