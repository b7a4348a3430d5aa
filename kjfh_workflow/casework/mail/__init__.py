"""Letters on their way (收发): from the outbox through the channels to a proof of service. No case is decided here."""
