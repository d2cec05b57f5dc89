create table account (
    id integer primary key,
    balance integer not null
);

create table transfer (
    id integer generated always as identity primary key,
    name text not null,
    amount integer not null
);

insert into account (id, balance) values (1, 100), (2, 100);
