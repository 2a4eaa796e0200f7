"""What a device that lives on a battery does less often."""
