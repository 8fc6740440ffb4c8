"""The daemon's services, one module per subject. They know rows and rules, but neither sockets nor HTTP."""
