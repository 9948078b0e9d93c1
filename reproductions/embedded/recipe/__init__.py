"""How the embedded world model was made: a seeded recipe from random exploration to the shipped assets.

Run it with ``python -m recipe`` (or ``nox -s embedded-assets``). It can be interrupted and goes on where it stopped.
"""
