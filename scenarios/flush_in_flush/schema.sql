create table customer (
    id integer primary key,
    name text not null
);

create table line (
    id integer generated always as identity primary key,
    customer_id integer not null references customer,
    item text not null
);

insert into customer values (1, 'ann');
