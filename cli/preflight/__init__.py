"""What would stop a deployment half-way, asked of the account before anything is made. Every question only reads."""
