"""Moving history between stores: the function in the cloud copies and verifies, the command says what and when."""
