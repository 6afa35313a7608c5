//! What holds between the databases: a tenant moves from one to the other and back without a loss, and gives the
//! same answers on both.

mod awkward;
mod extracts;
mod generated;
mod plain_way;
mod round_trip;
mod same_answers;
mod tenant_copy;
