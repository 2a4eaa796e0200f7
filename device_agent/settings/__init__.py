"""What the device is set to from afar: judged, put in force on trial, kept, taken back."""
