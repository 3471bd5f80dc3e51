package a2a

import "iter"

// Piece says of which strand of an answer a text is a piece, as far as the text itself can: Answer.Pieces says the rest.
// The zero value is none.
type Piece int32

const (
	noPiece Piece = iota
	messagePiece
	// artifactPiece is of an artifact without an id; higher ones are of the artifact of which a text is the id.
	artifactPiece
)

// pieceOf is a piece of the artifact that the text names: an index into the texts plus one, or 0 for none.
func pieceOf(text int32) Piece { return artifactPiece + Piece(text) }

// Strand is a text that an agent may tell in pieces, over several events: an artifact, or what it says in messages.
// Events with equal strands go on with each other. It shares memory with the answer: clone what outlives that.
type Strand struct {
	TaskID string
	// ContextID is empty where there is a task: it would tell nothing more of a task, and an agent could say it
	// differently in each event.
	ContextID string
	// Artifact tells an artifact, also one without an id, from messages.
	Artifact   bool
	ArtifactID string
}

// Pieces returns the index of each text in a.Texts that is a piece of a strand, in document order, with its strand: the
// texts of the parts of an artifact and of a message of the agent, in a status or by itself. What readers do not join
// to one text is left out: ids, names, data, metadata, and file content; and history, which was told before. A list of
// tasks is never an event, and has no pieces.
func (a *Answer) Pieces() iter.Seq2[int, Strand] {
	return func(yield func(int, Strand) bool) {
		var about Strand
		switch a.Kind {
		case AnswerTask, AnswerMessage, AnswerStatusUpdate, AnswerArtifactUpdate:
		default:
			return
		}
		if len(a.Tasks) > 0 {
			if about.TaskID = a.Tasks[0].ID; about.TaskID == "" {
				about.ContextID = a.Tasks[0].ContextID
			}
		}
		for i := range a.Texts {
			p := a.Texts[i].Piece
			if p == noPiece {
				continue
			}
			strand := about
			strand.Artifact = p >= artifactPiece
			if id := int(p-artifactPiece) - 1; strand.Artifact && id >= 0 && id < len(a.Texts) {
				strand.ArtifactID = a.Texts[id].Value
			}
			if !yield(i, strand) {
				return
			}
		}
	}
}
