#!/usr/bin/env python3
"""Writes examples/finance/aml-program.pdf and reporting.docx from the text below.

Needs the Python packages reportlab and python-docx; both files are kept in the repository, so this
runs only when the text changes. Usage: examples/make-pdf-docx.py
"""
import os
from docx import Document
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "finance")

AML = [
    ("Title", "Anti-money-laundering requirements"),
    ("Heading2", "What the law asks for"),
    ("Normal", "The anti-money-laundering (AML) requirements of the Bank Secrecy Act oblige every bank to have "
     "a written AML program that is approved by its board of directors and noted in the minutes. The Act "
     "dates from 1970; the duty to have a program stands in 31 U.S.C. 5318(h) and, for national banks, in "
     "12 CFR 21.21."),
    ("Normal", "The AML program must have five parts: a system of internal controls, independent testing, a "
     "designated compliance officer, training for the appropriate staff, and risk-based procedures for "
     "ongoing customer due diligence."),
    ("Heading2", "The five parts"),
    ("Normal", "<b>Internal controls.</b> Policies and procedures that find, measure and limit the risk of money "
     "laundering and that make sure reports are filed on time."),
    ("Normal", "<b>Independent testing.</b> Bank staff who do not run the program, or an outside party, test it. "
     "Examiners expect a test every 12 to 18 months, in step with the bank's risk."),
    ("Normal", "<b>Compliance officer.</b> The board names a qualified person who coordinates and watches over "
     "compliance from day to day, with enough authority and means."),
    ("Normal", "<b>Training.</b> Staff whose duties touch the rules are trained for their task; the board is "
     "trained in general."),
    ("Normal", "<b>Customer due diligence.</b> The bank understands the nature and purpose of a customer "
     "relationship, forms a risk profile, and keeps customer information up to date. This part was "
     "added by the rule that applies since 11 May 2018."),
    ("Break", ""),
    ("Heading2", "Knowing the customer"),
    ("Normal", "Before an account is opened, the customer identification program must collect four things: the "
     "customer's name, the date of birth of an individual, an address, and an identification number. The "
     "bank verifies identity within a reasonable time after the account is opened and keeps the "
     "information for five years after it is closed."),
    ("Normal", "For a legal entity the bank also identifies the beneficial owners: each individual who owns 25 "
     "percent or more of the equity interests, and one individual with significant responsibility to "
     "control or manage the entity."),
    ("Heading2", "Thresholds at a glance"),
    ("Table", [["Duty", "Threshold", "Deadline"],
               ["Currency transaction report", "more than $10,000 in a day", "15 calendar days"],
               ["Suspicious activity, suspect known", "$5,000 or more", "30 calendar days"],
               ["Suspicious activity, no suspect", "$25,000 or more", "60 calendar days at most"],
               ["Funds transfer records", "$3,000 or more", "kept five years"]]),
    ("Heading2", "Correspondent accounts"),
    ("Normal", "A bank in the United States must not keep a correspondent account for a foreign shell bank, that "
     "is, a bank without a physical presence in any country. For other foreign banks it carries out due "
     "diligence that is in step with the risk."),
]

REPORTING = [
    ("h1", "Reports and records under the Bank Secrecy Act"),
    ("h2", "Currency transaction reports"),
    ("p", "A bank files a currency transaction report (CTR) for each transaction in currency of more than "
     "$10,000. Transactions by or for the same person on one business day are added up. The report is filed "
     "electronically within 15 calendar days after the transaction."),
    ("p", "Some customers may be exempted: other banks, government bodies, companies listed on a major "
     "exchange, and established businesses that often deal in cash. Exempting a customer is a choice of the "
     "bank, and it reviews the exemption at least once a year where the rule says so."),
    ("h2", "Suspicious activity reports"),
    ("p", "A bank files a suspicious activity report (SAR) when it knows, suspects or has reason to suspect a "
     "violation of law or money laundering. For national banks the thresholds are any amount when an insider "
     "is involved, $5,000 when a suspect can be identified, and $25,000 whether or not there is a suspect."),
    ("p", "The report is due within 30 calendar days after the bank first detects the facts. If no suspect was "
     "known on that day the bank may take another 30 days to identify one, but never more than 60 days in "
     "all. Activity that needs attention at once is also reported by telephone."),
    ("p", "A SAR is confidential. Nobody at the bank may tell the person concerned that a report was filed."),
    ("h2", "Keeping records"),
    ("p", "Copies of SARs and CTRs are kept for five years from the date of filing, with the documents that "
     "support them. Records of funds transfers of $3,000 or more are kept for five years, and the "
     "information travels with the payment order."),
    ("table", [["Record", "Kept for"], ["SAR and supporting documents", "five years from filing"],
               ["CTR", "five years from filing"],
               ["Customer identification", "five years after the account is closed"]]),
]


def write_pdf(path):
    styles = getSampleStyleSheet()
    flow = []
    for kind, text in AML:
        if kind == "Break":
            flow.append(PageBreak())
        elif kind == "Table":
            table = Table(text, hAlign="LEFT", colWidths=[190, 150, 130])
            table.setStyle(TableStyle([("GRID", (0, 0), (-1, -1), 0.5, "#808080")]))
            flow += [table, Spacer(1, 8)]
        else:
            flow += [Paragraph(text, styles[kind]), Spacer(1, 6)]
    SimpleDocTemplate(path, pagesize=A4, title="Anti-money-laundering requirements", author="ragd examples",
                      invariant=1).build(flow)


def write_docx(path):
    doc = Document()
    doc.core_properties.title = "Reports and records under the Bank Secrecy Act"
    doc.core_properties.author = "ragd examples"
    for kind, text in REPORTING:
        if kind == "table":
            table = doc.add_table(rows=0, cols=len(text[0]))
            for row in text:
                for cell, value in zip(table.add_row().cells, row):
                    cell.text = value
        elif kind == "p":
            doc.add_paragraph(text)
        else:
            doc.add_heading(text, level=int(kind[1]))
    doc.save(path)


write_pdf(os.path.join(HERE, "aml-program.pdf"))
write_docx(os.path.join(HERE, "reporting.docx"))
