"""Packages are found, not listed. Everything else about this distribution is in pyproject.toml."""

from setuptools import find_packages, setup

plugins = [f"simbench_plugins.{package}" for package in find_packages("plugins")]
setup(packages=[*find_packages(include=["simbench", "simbench.*"]), "simbench_plugins", *plugins])
