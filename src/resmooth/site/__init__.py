"""Pages made from the results: the audit as a web page, its findings and the replication report as Markdown."""

from resmooth.site.audit_page import render, write_page
from resmooth.site.findings_page import findings_page
from resmooth.site.report import kept_run, replication
from resmooth.site.writing import write_audit, write_table

__all__ = ["findings_page", "kept_run", "render", "replication", "write_audit", "write_page", "write_table"]
