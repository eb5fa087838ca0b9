"""How people steer GConnect: the command line. It may send messages through actors; it decides nothing itself."""
