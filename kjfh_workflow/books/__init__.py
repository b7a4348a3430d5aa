"""What a bureau keeps and prints: ledger, register, integrity list, targets, reports; read from what cases did."""
