"""The daemon's services, one module a subject. They know rows and rules, and neither sockets nor HTTP."""
