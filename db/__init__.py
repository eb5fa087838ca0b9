"""What GConnect remembers: tables, their queries, the transaction. No decisions are taken here."""
