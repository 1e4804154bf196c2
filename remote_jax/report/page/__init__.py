"""The page of a report: its template, its script, and charts as Plotly draws them."""
