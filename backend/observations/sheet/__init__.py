"""The record sheet: what is due, asked once; saved, echoed, put right."""
