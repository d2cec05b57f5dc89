create table account (
    id integer primary key,
    balance integer not null,
    version integer not null default 1
);

insert into account (id, balance) values (1, 100);
