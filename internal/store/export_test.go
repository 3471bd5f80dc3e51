package store

// DropReserve lets the embedded server run into a full disk, which the reserve else prevents.
func DropReserve(s *NATS) { s.engine.reserve = 0 }
