"""Publishing: runs that others can cite, and runs of several people joined."""
