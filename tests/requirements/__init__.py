"""What prepares a machine: make doctor, and the installation of lock files."""
