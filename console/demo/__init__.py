"""The demonstration: a recorded storm through the real DAGs of a real Airflow, with stand-ins for the outside world."""
