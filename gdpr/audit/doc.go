// Package audit is the trail: who did what, when, for which purpose and on which objects (PRO-TRACE, EPM-TRACE), written
// so that nobody changes it unseen (ELA-AUTHN, GLE-INT), and the proofs of what was erased (GDPR Art. 5(2), 17). The bytes
// are those of docs/format.md, parts 5 and 6. Neither trail nor proofs name a data subject: ids, field names, counts.
//
// # Entries and lanes
//
// An act is an [Entry]. Entries stand in lanes, chains in which each entry's MAC covers its number, its body and the entry
// before it, so that a changed, missing or moved entry is named at once. A [Writer] keeps a few lanes, because one chain
// would make all writers queue. An act takes a lane, adds its entry to the batch that does the act, and says how it ended:
//
//	lane, err := writer.Take(ctx)
//	...
//	defer lane.Undo() // does nothing after Done
//	row, err := lane.Add(entry)
//	...
//	batch.Entries = append(batch.Entries, row)
//	if err := store.Apply(ctx, batch); err != nil {
//		return err // lane.Unknown() if nobody knows whether the batch was committed
//	}
//	lane.Done()
//
// # Sealing
//
// [Seal] lists what the lanes have added in the next segment of one Merkle log and signs the log's head, a checkpoint,
// in the form of C2SP's signed notes: with the text of [CheckpointKey] the public tools verify it. Segments list entries
// and never change them. A checkpoint that was copied elsewhere shows later that the log only grew.
//
// # Verifying
//
// [Verify] reads everything and names the first place that does not hold, as a [*BrokenError]. What no reader of a store
// can see is an end cut off before anything spoke of it: the last entries of a lane until they are sealed, the last
// segments unless a checkpoint was kept elsewhere. So seal often, and keep the checkpoint of the [Report].
//
// # Proofs and the ledger
//
// Each erasing batch writes one [Proof], made by [NextProof], and a trail entry that carries its digest. Proofs form a
// chain of their own, which is kept a second time in a [Ledger] outside the backup set. A database cannot know that it
// was restored; [Reconcile] tells by the ledger. The order is: the batch commits, the ledger is durable, the erasure is
// acknowledged.
package audit
