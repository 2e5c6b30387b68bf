"""The dashboard: one Streamlit page over a workspace; it reads records and profiles, and computes nothing."""
