"""The routes of the portal: pages for people, one module per part of it."""
