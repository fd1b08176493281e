"""Everything pluggable that comes with simbench, registered like any third party's."""
