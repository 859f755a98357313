CREATE DATABASE fengsui OWNER airflow;
