/*
 * The protocol that opens, sends, carries out and ends the syncs of one seller, for spin (Promela).
 *
 * Nothing of it is run by the product: tests/model/test_model.py searches every order of its steps at small bounds.
 * A step of the model is a transaction of the code, or a statement where PostgreSQL lets others in between.
 *
 * What must hold, whatever happens (the promises of README.md):
 *   no instant without its sync         pass_one, Auditor        never two syncs for one     claim
 *   never two live syncs                open_row
 *   no write by a zombie                write_as                 no page twice or left out   write_page
 *   every sync ends                     Auditor: when nothing can happen any more, all is done;
 *                                       every_sync_ends: and it does not go round in circles for ever
 *
 * What stands for what:
 *   Ticker   find_due_schedules and recover_stalled_syncs of actors/scheduling.py
 *     due            db.schedules.due              SELECT ... FOR UPDATE SKIP LOCKED
 *     claim          services.schedules._claim     INSERT ... ON CONFLICT DO NOTHING; next_run moves in the same commit
 *     refused        _claim, where the insert met a row: an instant that was served is passed, another stays due
 *     recover        services.recovery.recover     with db.sync_logs.unsent, overdue and stalled; outcomes.bury
 *     send           actors.syncing.send           the message, then recovery.note_sent -> db.sync_logs.mark_sent
 *   Worker   sync_seller and sync_seller_now of actors/syncing.py
 *     take           services.syncing._take        db.sync_leases.take
 *     write_page     services.pages.write_page     db.sync_leases.write_as: cursor, lease and rows in one commit
 *     give_back      services.syncing._yield_turn  db.sync_leases.yield_turn; then send, as above
 *                    services.outcomes.fail        db.sync_leases.wait; then retry: Dramatiq's Retries puts the message
 *                                                  back, actors.retries.RetryTimes -> recovery.note_retry sets the time
 *     finish         services.outcomes.finish; and outcomes.fail of an error that is not tried again
 *     LeaseLost      services.syncing.run_sync     a write that another attempt's number refuses
 *   Person   services.schedules.request_sync       with db.sync_logs.hurry
 *   Time     an instant comes, a lease expires, a waiting sync falls due, RECOVERY_RESEND_SECONDS pass
 *   Trouble  RabbitMQ loses messages and delivers them twice (late and in any order they always come);
 *            services.syncing.cancel; services.schedules.change_schedule on a host whose clock is behind, or was set
 *            back: next_run becomes an instant that was served
 *
 * Time has no length. A row has one bit for "lease_until, or next_attempt_at, has passed" and one for "sent_at is recent
 * and later than that, so recovery leaves it alone"; Time changes them at any moment. That allows more than any clock
 * does, hosts that disagree among it. A dead worker always loses its lease, a living one STALLS times, between any two
 * steps: the network is read there. A retry's message is an ordinary one: it may come before its time and be dropped.
 *
 * Needs no step of its own: a commit whose answer is lost, and which services.persistence makes again. A page is then
 * found written; everywhere else the second one finds nothing to do, which is a crash with its message gone. Nor does a
 * death between a message's arrival and the take, or between the last step and the acknowledgement: it is a message
 * that comes later, or twice.
 *
 * Left out: SCHEDULER_MAX_CONCURRENT with put_off and refill; incidents, blocking and pausing; other sellers, whose rows
 * are others; what is on a page and how a pass is judged; notifications.
 *
 * Bounds, by -D: INSTANTS, REQUESTS, PAGES, MAX_DEATHS, RETRY_MAX, TICKERS, WORKERS, and how often each misfortune may
 * happen: CRASHES, STALLS, LOSSES, DOUBLES, YIELDS, CANCELS, SETBACKS.
 *
 * Taken away, by -D, so that the search must find a counterexample:
 *   NO_ATTEMPT_CHECK        a write asks for a running sync only
 *   NO_LIVE_INDEX           uq_sync_logs_live_seller
 *   NO_INSTANT_INDEX        uq_sync_logs_seller_id_scheduled_for
 *   NO_RECOVERY             recover_stalled_syncs
 *   NO_BURIAL               recovery sends again what has killed MAX_DEATHS workers
 *   LOOKS_FOR_A_LIVE_SYNC   refused: an instant is passed when the seller has no live sync (any more)
 *   COUNTS_FROM_NOW         refused: all that has come is passed, not only the instant that was served
 * And SHOW=<a place below>, to see that the search comes there.
 */

#ifndef INSTANTS
#define INSTANTS 2
#endif
#ifndef REQUESTS
#define REQUESTS 1
#endif
#ifndef PAGES
#define PAGES 2
#endif
#ifndef MAX_DEATHS
#define MAX_DEATHS 2
#endif
#ifndef RETRY_MAX
#define RETRY_MAX 1
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef STALLS
#define STALLS 1
#endif
#ifndef LOSSES
#define LOSSES 1
#endif
#ifndef DOUBLES
#define DOUBLES 1
#endif
#ifndef YIELDS
#define YIELDS 1
#endif
#ifndef CANCELS
#define CANCELS 1
#endif
#ifndef SETBACKS
#define SETBACKS 1
#endif
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef TICKERS
#define TICKERS 2
#endif

#define ZOMBIE_IS_REFUSED 1
#define POISON_IS_BURIED 2
#define ONE_LATE_SYNC_FOR_TWO 3
#define SERVED_INSTANT_IS_PASSED 4
#define LIVE_SYNC_IS_WAITED_FOR 5
#define RETRY_IS_RECOVERED 6
#ifdef SHOW
#define PLACE(name, condition) assert(SHOW != name || !(condition));
#else
#define PLACE(name, condition)
#endif

#define ROWS (INSTANTS + REQUESTS)
#define AT_MOST 2                       /* messages for one sync on the queue; more would only be dropped as well */

#define FREE 0                          /* no row yet */
#define QUEUED 1
#define RUNNING 2
#define WAITING 3
#define ENDED 4                         /* succeeded, partial, failed, cancelled */

#define NOBODY 0
#define ME (_pid + 1)

typedef Sync {
    unsigned state : 3 = FREE;
    unsigned attempt : 4;
    unsigned failures : 2;
    unsigned deaths : 2;
    unsigned next_page : 2;
    bool passed;                        /* running: the lease has expired; waiting: the next attempt is due */
    bool sent;                          /* recovery takes a message for under way */
    unsigned messages : 2;              /* on the queue */
    unsigned holder : 4                 /* ghost: the process that may write */
}

Sync sync[ROWS];
byte rows;                              /* how many were ever opened */
byte come;                              /* instants 0 .. come - 1 lie in the past */
byte next_run;                          /* of the schedule */
byte schedule_lock = NOBODY;            /* who holds the lock of the schedule's row */
bool has_row[INSTANTS];                 /* uq_sync_logs_seller_id_scheduled_for */
bool busy[TICKERS + WORKERS];           /* by _pid: tickers, then workers */
bool covered[INSTANTS];                 /* ghost: its own sync was opened, or a late one after it had come */
byte crashes = CRASHES, stalls = STALLS, losses = LOSSES, doubles = DOUBLES;
byte yields = YIELDS, cancels = CANCELS, setbacks = SETBACKS;

#define LIVE(s) (sync[s].state == QUEUED || sync[s].state == RUNNING || sync[s].state == WAITING)
#if ROWS == 1
#define ANY_LIVE LIVE(0)
#elif ROWS == 2
#define ANY_LIVE (LIVE(0) || LIVE(1))
#elif ROWS == 3
#define ANY_LIVE (LIVE(0) || LIVE(1) || LIVE(2))
#else
#define ANY_LIVE (LIVE(0) || LIVE(1) || LIVE(2) || LIVE(3))
#endif
#define ALL_DONE (next_run == INSTANTS && !ANY_LIVE)

#ifdef NO_ATTEMPT_CHECK
#define HELD (sync[r].state == RUNNING)
#else
#define HELD (sync[r].state == RUNNING && sync[r].attempt == attempt)
#endif

#ifdef NO_LIVE_INDEX
#define LIVE_INDEX_REFUSES false
#else
#define LIVE_INDEX_REFUSES ANY_LIVE
#endif
#ifdef NO_INSTANT_INDEX
#define INSTANT_INDEX_REFUSES false
#else
#define INSTANT_INDEX_REFUSES has_row[next_run]
#endif

/* Two of a kind are alike: the second begins only while the first is busy, which makes the search smaller. */
#define MY_TURN (_pid == 0 || _pid == TICKERS || busy[_pid - 1])

/* What recovery sends again, and what it ends; with the schedule's row locked, ending waits. */
#define STALLED(s) (sync[s].state == RUNNING && sync[s].passed && !sync[s].sent)
#define OVERDUE(s) (sync[s].state == WAITING && sync[s].passed && !sync[s].sent)
#define UNSENT(s) (sync[s].state == QUEUED && !sync[s].sent)
#define IS_POISON(s) (sync[s].deaths + 1 >= MAX_DEATHS)
#ifdef NO_BURIAL
#define WANTS_A_MESSAGE(s) (MY_TURN && (UNSENT(s) || OVERDUE(s) || STALLED(s)))
#else
#define WANTS_A_MESSAGE(s) (MY_TURN && (UNSENT(s) || OVERDUE(s) || (STALLED(s) && !IS_POISON(s))))
#endif
#define WANTS_BURIAL(s) (MY_TURN && STALLED(s) && IS_POISON(s) && schedule_lock == NOBODY)

/* Bind r to a row for which the condition holds. */
#if ROWS == 1
#define FOR_A_ROW(condition) :: condition(0) -> r = 0
#elif ROWS == 2
#define FOR_A_ROW(condition) :: condition(0) -> r = 0 :: condition(1) -> r = 1
#elif ROWS == 3
#define FOR_A_ROW(condition) :: condition(0) -> r = 0 :: condition(1) -> r = 1 :: condition(2) -> r = 2
#else
#define FOR_A_ROW(condition) :: condition(0) -> r = 0 :: condition(1) -> r = 1 :: condition(2) -> r = 2 \
    :: condition(3) -> r = 3
#endif

/* Every write of a worker; its guard is HELD. */
inline write_as() {
    assert(sync[r].holder == ME)        /* no write by a zombie */
}

inline write_page() {
    write_as();
    assert(sync[r].next_page == page);  /* no page twice, none left out */
    page++;
    sync[r].next_page = page;
    sync[r].passed = false;
    sync[r].sent = false
}

inline forget() {
    attempt = 0;
    page = 0
}

/* Queued or waiting: nobody holds it, and no message counts for it any more. */
inline give_back(to) {
    write_as();
    sync[r].state = to;
    sync[r].passed = false;
    sync[r].sent = false;
    sync[r].holder = NOBODY;
    forget()
}

inline open_row() {
    assert(!ANY_LIVE);                  /* never two live syncs */
    r = rows;
    rows++;
    sync[r].state = QUEUED
}

/* Of an ended row only its state is asked for, and `take` drops every message for it: they are left out from here. */
inline end_sync(which) {
    sync[which].state = ENDED;
    sync[which].holder = NOBODY;
    sync[which].messages = 0;
    sync[which].passed = false;
    sync[which].sent = false;
    sync[which].attempt = 0;
    sync[which].failures = 0;
    sync[which].deaths = 0;
    sync[which].next_page = 0
}

inline put_message(which) {
    if
    :: LIVE(which) && sync[which].messages < AT_MOST -> sync[which].messages++
    :: else
    fi
}

inline mark_sent(which) {
    if
    :: sync[which].state == QUEUED -> sync[which].sent = true
    :: (sync[which].state == RUNNING || sync[which].state == WAITING) && sync[which].passed -> sync[which].sent = true
    :: else                             /* sent_at lies before the deadline, which is still to come: it hides nothing */
    fi
}

inline pass_one() {
    assert(covered[next_run]);          /* no instant without its sync */
    next_run++
}

#ifdef COUNTS_FROM_NOW
#define PASS pass_all
#else
#define PASS pass_one
#endif

inline pass_all() {
    do
    :: next_run < come -> pass_one()
    :: else -> break
    od
}

inline rest() {
    r = 0;
    busy[_pid] = false
}

/* A dead process's transaction is rolled back, and what it was about is known to the rows only. */
inline ticker_dies() {
    crashes--;
    rest();
    if
    :: schedule_lock == ME -> schedule_lock = NOBODY
    :: else
    fi
}

active [TICKERS] proctype Ticker() {
    byte r, i;

end_idle:
    if
    :: d_step { MY_TURN && schedule_lock == NOBODY && next_run < come && !ANY_LIVE ->  /* due */
        schedule_lock = ME;
        busy[_pid] = true
        }
        goto claim
#ifndef NO_RECOVERY
    :: atomic {                         /* recover */
        if
        FOR_A_ROW(WANTS_A_MESSAGE)
        fi;
        PLACE(RETRY_IS_RECOVERED, sync[r].state == WAITING)
        busy[_pid] = true
        }
        goto send
#ifndef NO_BURIAL
    :: atomic {                         /* recover: outcomes.bury */
        if
        FOR_A_ROW(WANTS_BURIAL)
        fi;
        PLACE(POISON_IS_BURIED, true)
        end_sync(r);
        r = 0
        }
        goto end_idle
#endif
#endif
    fi;

claim:
    if
    :: d_step { LIVE_INDEX_REFUSES || INSTANT_INDEX_REFUSES }
        goto refused
    :: d_step { !(LIVE_INDEX_REFUSES || INSTANT_INDEX_REFUSES) ->
        PLACE(ONE_LATE_SYNC_FOR_TWO, come - next_run == 2)
        assert(!has_row[next_run]);     /* never two syncs for one instant */
        open_row();
        has_row[next_run] = true;
        i = next_run;
        do
        :: i < come -> covered[i] = true; i++
        :: else -> break
        od;
        i = 0;
        pass_all();
        schedule_lock = NOBODY
        }
        goto send
    :: d_step { crashes > 0 -> ticker_dies() }
        goto end_idle
    fi;

refused:
    if
    :: d_step { true ->
#ifdef LOOKS_FOR_A_LIVE_SYNC
        if
        :: !ANY_LIVE -> PASS()
        :: else
        fi;
#else
        PLACE(SERVED_INSTANT_IS_PASSED, has_row[next_run])
        PLACE(LIVE_SYNC_IS_WAITED_FOR, !has_row[next_run])
        if
        :: has_row[next_run] -> PASS()
        :: else
        fi;
#endif
        schedule_lock = NOBODY;
        rest()
        }
    :: d_step { crashes > 0 -> ticker_dies() }
    fi;
    goto end_idle;

send:
    if
    :: d_step { put_message(r) }
    :: d_step { crashes > 0 -> ticker_dies() }
        goto end_idle
    fi;
    if
    :: d_step { mark_sent(r); rest() }
    :: d_step { crashes > 0 -> ticker_dies() }
    fi;
    goto end_idle
}

#define TO_BE_HAD(s) (sync[s].state == QUEUED || (sync[s].state == WAITING && sync[s].passed) || \
    (sync[s].state == RUNNING && sync[s].passed && !IS_POISON(s)))
#define HAS_MESSAGE(s) (MY_TURN && sync[s].messages > 0)

inline worker_dies() {
    crashes--;
    put_message(r);                     /* it was not acknowledged */
    if
    :: sync[r].holder == ME -> sync[r].holder = NOBODY
    :: else
    fi;
    forget();
    rest()
}

active [WORKERS] proctype Worker() {
    byte r, attempt, page;

end_idle:
    atomic {                            /* take */
        if
        FOR_A_ROW(HAS_MESSAGE)
        fi;
        sync[r].messages--;
        if
        :: TO_BE_HAD(r) ->
            if
            :: sync[r].state == RUNNING -> sync[r].deaths++
            :: else
            fi;
            sync[r].state = RUNNING;
            sync[r].attempt++;
            sync[r].passed = false;
            sync[r].sent = false;
            sync[r].holder = ME;
            attempt = sync[r].attempt;
            page = sync[r].next_page;
            busy[_pid] = true
        :: else ->                      /* not to be had: the message is dropped */
            r = 0;
            goto end_idle
        fi
    };

walk:
    if
    :: d_step { HELD && page < PAGES -> write_page() }
        goto walk
    :: d_step { HELD && page < PAGES && yields > 0 ->
        give_back(QUEUED);
        yields--
        }
        goto send
    :: d_step { HELD && sync[r].failures < RETRY_MAX ->
        give_back(WAITING);
        sync[r].failures++
        }
        goto retry
    :: d_step { HELD && schedule_lock == NOBODY ->   /* finish, or failed for good */
        write_as();
        end_sync(r);
        forget();
        rest()
        }
        goto end_idle
    :: d_step { !HELD ->                             /* LeaseLost */
        PLACE(ZOMBIE_IS_REFUSED, sync[r].state == RUNNING)
        forget();
        rest()
        }
        goto end_idle
    :: d_step { crashes > 0 -> worker_dies() }
        goto end_idle
    fi;

send:
    if
    :: d_step { put_message(r) }
    :: d_step { crashes > 0 -> worker_dies() }
        goto end_idle
    fi;
    if
    :: d_step { mark_sent(r); rest() }
    :: d_step { crashes > 0 -> worker_dies() }
    fi;
    goto end_idle;

retry:
    if
    :: d_step { put_message(r) }
    :: d_step { crashes > 0 -> worker_dies() }
        goto end_idle
    fi;
    if
    :: d_step {                                      /* note_retry */
        if
        :: sync[r].state == WAITING -> sync[r].passed = false; sync[r].sent = false
        :: else
        fi;
        rest()
        }
    :: d_step { crashes > 0 -> worker_dies() }
    fi;
    goto end_idle
}

active [REQUESTS] proctype Person() {
    byte r;

    if
    :: d_step { LIVE_INDEX_REFUSES ->   /* joins the live one */
        if
        FOR_A_ROW(LIVE)
        fi;
        if                              /* hurry */
        :: sync[r].state == WAITING -> sync[r].passed = true; sync[r].sent = false
        :: else
        fi
        }
    :: d_step { !(LIVE_INDEX_REFUSES) -> open_row() }
    :: goto gone                        /* nobody asks */
    fi;
    if
    :: d_step { put_message(r) }
    :: goto gone
    fi;
    if
    :: d_step { mark_sent(r) }
    :: goto gone
    fi;

gone:
    skip
}

#define OUT_OF_LEASE(s) (sync[s].state == RUNNING && !sync[s].passed && (sync[s].holder == NOBODY || stalls > 0))
#define NOT_YET_DUE(s) (sync[s].state == WAITING && !sync[s].passed)
#define SENT(s) sync[s].sent

active proctype Time() {
    byte r;

end_idle:
    if
    :: come < INSTANTS -> come++
    :: atomic {
        if
        FOR_A_ROW(OUT_OF_LEASE)
        fi;
        if
        :: sync[r].holder != NOBODY -> stalls--
        :: else
        fi;
        sync[r].passed = true;
        r = 0
        }
    :: atomic {
        if
        FOR_A_ROW(NOT_YET_DUE)
        fi;
        sync[r].passed = true;
        r = 0
        }
    :: atomic {
        if
        FOR_A_ROW(SENT)
        fi;
        sync[r].sent = false;
        r = 0
        }
    fi;
    goto end_idle
}

#define CAN_BE_LOST(s) (losses > 0 && sync[s].messages > 0)
#define CAN_BE_CANCELLED(s) (cancels > 0 && LIVE(s))
#define CAN_BE_DOUBLED(s) (doubles > 0 && LIVE(s) && sync[s].messages < AT_MOST)

/* The queue's misfortunes, and what people do in one step. */
active proctype Trouble() {
    byte r;

end_idle:
    if
    :: atomic {
        if
        FOR_A_ROW(CAN_BE_LOST)
        fi;
        losses--;
        sync[r].messages--;
        r = 0
        }
    :: atomic {
        if
        FOR_A_ROW(CAN_BE_DOUBLED)
        fi;
        doubles--;
        sync[r].messages++;
        r = 0
        }
    :: atomic {
        if
        FOR_A_ROW(CAN_BE_CANCELLED)
        fi;
        cancels--;
        end_sync(r);
        r = 0
        }
    :: d_step { setbacks > 0 && schedule_lock == NOBODY && next_run > 0 && has_row[next_run - 1] ->
        setbacks--;
        next_run--
        }
    :: d_step { losses + doubles + cancels + setbacks > 0 ->     /* none of it need happen */
        losses = 0;
        doubles = 0;
        cancels = 0;
        setbacks = 0
        }
    fi;
    goto end_idle
}

/* Nothing can happen any more: then everything must have been done. */
active proctype Auditor() {
    timeout -> assert(come == INSTANTS && ALL_DONE)
}

#ifdef LIVENESS
ltl every_sync_ends { <> [] ALL_DONE }
#endif
