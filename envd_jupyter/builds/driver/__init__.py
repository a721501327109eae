"""What runs in the driver: the process of its own that carries out one build.

`boot` forks envd before anything heavy is imported, `conductor` runs the build to its end. Outside
of this room only `envd_jupyter.builds.spawn` knows it, and starts it by name.
"""
