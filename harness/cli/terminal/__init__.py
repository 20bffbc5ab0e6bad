"""What commands share of arguments, consoles and errors."""
